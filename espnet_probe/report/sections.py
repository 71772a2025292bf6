"""A part of a report: a table with what has to be said of it, and its plots."""

from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple

from espnet_probe.report.figures import FigureFiles
from espnet_probe.report.files import link
from espnet_probe.report.markdown_text import escape, markdown_table
from espnet_probe.report.values import printable


@dataclass(frozen=True)
class Line:
    """One row of a section's table.

    Attributes:
        name: The layer or control.
        cells: The texts of the columns.
        sources: The files of the numbers.
        is_layer: Whether it is a layer of the model; controls are shown paler.
    """

    name: str
    cells: Sequence[str]
    sources: Sequence[Path] = ()
    is_layer: bool = True


@dataclass(frozen=True)
class Section:
    """A table of its own beside the main one.

    Attributes:
        title: The heading.
        about: What is said under it, one sentence or more each.
        head: The names of the columns, without that of the rows.
        lines: The rows; none for plots alone.
        figures: The plots.
        in_terminal: Whether the table is printed too, and not only in the report.
    """

    title: str
    about: Sequence[str]
    head: Sequence[str] = ()
    lines: Sequence[Line] = ()
    figures: Sequence[FigureFiles] = ()
    in_terminal: bool = True

    @property
    def with_files(self) -> bool:
        """Whether the numbers lead to files of their own."""
        return any(line.sources for line in self.lines)

    def links(self, line: Line, folder: Path) -> List[Tuple[str, str]]:
        """Return the names and addresses of a row's files for a page in a folder."""
        return [(path.stem, link(path, folder)) for path in line.sources]

    def markdown(self, folder: Path) -> str:
        """Return the section as Markdown.

        Args:
            folder: Where the text will stand; links are relative to it.
        """
        text = f"\n#### {escape(self.title)}\n"
        text += "".join(f"\n{escape(one)}\n" for one in self.about)
        rows, with_files = [], self.with_files
        for line in self.lines:
            links = (f"[{name}]({to})" for name, to in self.links(line, folder))
            cells = [escape(cell) for cell in (line.name, *line.cells)]
            rows.append([*cells, *([" ".join(links) or "none"] if with_files else [])])
        if rows:
            head = ["layer", *(escape(name) for name in self.head)]
            head += ["files"] if with_files else []
            text += f"\n{markdown_table(head, rows)}"
        images = (
            f"![{escape(one.png.stem)}]({link(one.png, folder)})\n"
            for one in self.figures
        )
        pictures = "".join(images)
        return text + (f"\n{pictures}" if pictures else "")

    def plain(self) -> str:
        """Return the table for a terminal; empty if there is none for it."""
        if not self.lines or not self.in_terminal:
            return ""
        rows = [["layer", *self.head]]
        rows += [[printable(x) for x in (one.name, *one.cells)] for one in self.lines]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        text = f"{printable(self.title)}\n"
        for row in rows:
            first = row[0].ljust(widths[0])
            rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            text += "  ".join([first, *rest]).rstrip() + "\n"
        return text


@dataclass(frozen=True)
class SetParts:
    """What a report shows of one set besides its main table.

    Attributes:
        figures: The plots of the main table's scores.
        sections: Tables with their plots.
    """

    figures: Sequence[FigureFiles]
    sections: Sequence[Section] = ()
