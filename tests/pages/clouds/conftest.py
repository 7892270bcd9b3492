"""Figures as they are before they become text."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


@pytest.fixture
def places_of_texts(monkeypatch):
    """A function that calls a module's figure function and returns each visible text with its place, in pixels.

    It fails if a text is cut off at the figure's edge.
    """

    def places(module, name, *arguments, **options):
        caught = []

        def catch(figure, label):
            drawn, draw = {}, Text.draw

            def noted(text, renderer):  # ticks beyond the limits, and those of axes that are off, are never drawn
                drawn[id(text)] = text
                draw(text, renderer)

            monkeypatch.setattr(Text, "draw", noted)
            FigureCanvasAgg(figure).draw()
            monkeypatch.setattr(Text, "draw", draw)
            shown = [text for text in drawn.values() if text.get_visible() and text.get_text().strip()]
            caught.append((figure.bbox, [(text.get_text(), text.get_window_extent()) for text in shown]))
            return ""

        monkeypatch.setattr(module, "page_figure", catch)
        getattr(module, name)(*arguments, **options)
        ((whole, texts),) = caught
        for text, box in texts:
            assert whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1, f"{text!r} is cut off at a side"
            assert whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1, f"{text!r} is cut off above or below"
        return texts

    return places
