"""From a hook to cards."""
from acrcast_service.cds_hooks.schemas import Cards
async def cards_for(server, caller, service, asked, address):
    return Cards(())
