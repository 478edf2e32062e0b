"""Long tables leave out the indentation of their source and nothing else."""

from markupsafe import Markup

from portal.foundation.filters import compact


def test_only_indentation_and_empty_lines_go() -> None:
    shown = compact(Markup("<tr>\n     <td>a  b &lt;</td>\n\n   </tr>\n"))
    assert shown == "<tr>\n<td>a  b &lt;</td>\n</tr>"
    assert isinstance(shown, Markup), "what was escaped stays escaped"
