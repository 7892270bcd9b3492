"""A map of systems: their learned representations in two dimensions, on a page and in a picture."""

from empnet.pages.map.write import COLOURED_BY, MapResult, map_run

__all__ = ["COLOURED_BY", "MapResult", "map_run"]
