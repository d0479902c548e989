"""The recipe as a form: its steps in the order of the road, each field with the model's value as default."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from eelsmap.napari.runs.recipe_fields import RecipeField, changed, recipe_groups, with_values
from eelsmap.napari.window.layouts import emptied, unfolding
from eelsmap.recipe import Recipe

__all__ = ["RecipeForm"]

_LARGEST = 1e9


class RecipeForm(QWidget):
    """Edit the steps of treatment of a recipe.

    Each step is a group that opens; what differs from the model's recipe is said at the top and can be taken back at
    once. :attr:`edited` is emitted with every change.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._usual = Recipe()
        self._editors: dict[tuple[str, str], QWidget] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._reset = QPushButton("Back to the &model's recipe")
        self._reset.clicked.connect(self.reset)
        self._steps = QVBoxLayout()
        layout.addWidget(self._said)
        layout.addLayout(self._steps)
        layout.addWidget(self._reset)
        self.set_recipe(self._usual)

    def set_recipe(self, recipe: Recipe) -> None:
        """Show the recipe of a model; its values are the defaults from now on."""
        self._usual = recipe
        self._editors.clear()
        emptied(self._steps)
        for group in recipe_groups(recipe):
            inner = QWidget()
            form = QFormLayout(inner)
            form.setContentsMargins(12, 2, 2, 4)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
            for item in group.fields:
                editor = self._editor(item, getattr(getattr(recipe, item.step), item.name))
                self._editors[item.step, item.name] = editor
                label = QLabel(item.label)
                for widget in (label, editor):
                    widget.setToolTip(_wrapped(item.words))
                editor.setAccessibleName(f"{group.label}: {item.label}")
                editor.setAccessibleDescription(item.words)
                form.addRow(label, editor)
            self._steps.addWidget(unfolding(group.label, inner, group.words))
        self._tell()

    def recipe(self) -> Recipe:
        """Return the recipe with what the user changed.

        Raises
        ------
        RecipeError
            A value cannot be used; the message says which and what it must be.
        """
        return with_values(self._usual, {place: _value(editor) for place, editor in self._editors.items()})

    def reset(self) -> None:
        """Take every change back."""
        for (step, name), editor in self._editors.items():
            editor.blockSignals(True)
            _set_value(editor, getattr(getattr(self._usual, step), name))
            editor.blockSignals(False)
        self._changed()

    def set_value(self, step: str, name: str, value: Any) -> None:
        """Set one field as a user would."""
        _set_value(self._editors[step, name], value)

    def _editor(self, item: RecipeField, value: Any) -> QWidget:
        """Make the editor of a field, with its value."""
        editor: QWidget
        if item.kind is bool:
            editor = QCheckBox()
            editor.setChecked(value)
            editor.toggled.connect(self._changed)
        elif item.choices:
            editor = QComboBox()
            for choice in item.choices:
                editor.addItem(choice.replace("_", " "), choice)
            editor.setCurrentIndex(item.choices.index(value))
            editor.currentIndexChanged.connect(self._changed)
            editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        else:
            editor = QSpinBox() if item.kind is int else QDoubleSpinBox()
            editor.setRange(-int(_LARGEST) if item.name == "offset" else 0, int(_LARGEST))
            if isinstance(editor, QDoubleSpinBox):
                editor.setDecimals(3 if abs(value) < 1 and value else 2)
                editor.setSingleStep(0.01 if editor.decimals() == 3 else 0.5)
            editor.setValue(value)
            if item.unit:
                editor.setSuffix(f" {item.unit}")
            editor.setKeyboardTracking(False)
            editor.valueChanged.connect(self._changed)
        # The wheel scrolls the panel; it changes a value only where the user has gone.
        editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        editor.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]
        return editor

    def _changed(self, *_: Any) -> None:
        self._tell()
        self.edited.emit()

    def _tell(self) -> None:
        """Say what differs from the model's recipe, or why it cannot be used."""
        from eelsmap.errors import RecipeError

        try:
            lines = changed(self.recipe(), self._usual)
        except RecipeError as error:
            lines = [f"This cannot be used. {error}"]
        self._said.setText("\n".join(lines) if lines else "As the model's spectra were treated.")
        self._reset.setVisible(bool(lines))


def _value(editor: QWidget) -> Any:
    """Return what an editor holds."""
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    if isinstance(editor, QComboBox):
        return editor.currentData()
    assert isinstance(editor, QSpinBox | QDoubleSpinBox)  # noqa: S101 - the three kinds that _editor makes
    return editor.value()


def _set_value(editor: QWidget, value: Any) -> None:
    """Let an editor hold a value."""
    if isinstance(editor, QCheckBox):
        editor.setChecked(value)
    elif isinstance(editor, QComboBox):
        editor.setCurrentIndex(editor.findData(value))
    elif isinstance(editor, QSpinBox | QDoubleSpinBox):
        editor.setValue(value)


def _wrapped(words: str) -> str:
    """Rich text, which Qt breaks into lines where plain text would run across the screen."""
    return f"<qt>{words.replace('&', '&amp;').replace('<', '&lt;')}</qt>"
