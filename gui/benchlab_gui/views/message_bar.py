"""A bar for one sentence: what happened and what the user can do."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from benchlab_gui.theme.tokens import Theme, Tone

__all__ = ["MessageBar"]


class MessageBar(QFrame):
    """Shows a sentence with the glyph of its tone until it is dismissed; hidden while empty."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("message")
        self._glyph = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        close = QToolButton()
        close.setText("Dismiss")
        close.setToolTip("Hide this message")
        close.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.addWidget(self._glyph)
        row.addWidget(self._text, 1)
        row.addWidget(close)
        self.hide()

    def say(self, tone: Tone, text: str) -> None:
        """Show a sentence."""
        colour = self._theme.tones[tone]
        self._glyph.setText(tone.glyph)
        self._glyph.setStyleSheet(f"color: {colour}; font-weight: bold")
        self._glyph.setAccessibleName(tone.value)
        self._text.setText(text)
        self.setStyleSheet(f"#message {{ border: 2px solid {colour}; border-radius: 4px }}")
        self.show()

    def clear(self) -> None:
        """Hide it."""
        self._text.clear()
        self.hide()

    @property
    def text(self) -> str:
        """The sentence shown, or the empty string."""
        return self._text.text()
