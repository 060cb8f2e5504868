"""What the package costs, measured beside what people would use otherwise."""
