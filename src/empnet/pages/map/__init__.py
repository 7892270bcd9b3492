"""Systems laid out in two dimensions by what a network has learned of them, to be looked at one by one."""

from empnet.pages.map.write import COLOURED_BY, MapResult, map_run

__all__ = ["COLOURED_BY", "MapResult", "map_run"]
