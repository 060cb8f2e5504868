"""A package that registers its integration when it is imported, as the guide teaches."""

from quackcore_async import registry

from .service import ExampleServiceIntegration


def create_integration():
    return ExampleServiceIntegration()


try:
    integration = create_integration()
    registry.register(integration)
except Exception as e:
    import logging

    logging.getLogger(__name__).error(f"Failed to register integration: {e}")
