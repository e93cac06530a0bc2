"""TeX formulas as MathML, which browsers show without a script. latex2mathml parses, the spacing is done here."""

import re
from xml.etree import ElementTree

from latex2mathml.converter import convert

FENCES = {"(", ")", "[", "]", "{", "}", "|", "‖", "⌈", "⌉", "⌊", "⌋"}
OPENING = {"(", "[", "{", "⌈", "⌊"}
CLOSING = {")", "]", "}", "⌉", "⌋"}
SIGNS = {"−", "-", "+", "±"}
THIN = {"width": "0.167em"}
PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3, "msqrt": 1}


def mathml(formula, display="inline"):
    """A formula as a `<math>` element, `"inline"` or as a `"block"`.

    Raises:
        ValueError: if the formula is incomplete, or holds a command that latex2mathml does not know.
    """
    try:
        root = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", convert(plain(formula), display=display), count=1))
    except Exception as error:  # each of latex2mathml's own kinds, and what it writes for a lone &
        raise ValueError(f"`formula` must be complete TeX. Received: {formula!r} ({error!r})") from None
    unknown = [text for text in root.itertext() if re.search(r"[\\{}&]", text) and text not in "{}"]
    lacking = [element.tag for element in root.iter() if len(element) < PARTS.get(element.tag, 0)]
    if unknown or lacking:
        raise ValueError(
            f"`formula` must be TeX that can be converted, without {(unknown + lacking)[0]}. Received: {formula!r}"
        )
    for element in [*root.iter("mo"), *root.iter("mi")]:
        set_symbol(element)
    for row in [*root.iter("mrow"), *root.iter("mtd")]:
        mark_signs(row)
        space_functions(row)
    return ElementTree.tostring(root, encoding="unicode")


def plain(formula):
    """The same formula in the spelling that latex2mathml gets right."""
    # A letter without braces comes out as plain italic, and `aligned` not at all; `split` is `align` without numbers.
    formula = re.sub(r"\\(mathbb|mathcal|mathrm|mathbf) *([A-Za-z])", r"\\\1{\2}", formula)
    formula = re.sub(r"\\(begin|end)\{(?:align|aligned)\*?\}", r"\\\1{split}", formula)
    formula = re.sub(r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}", formula.replace(r"\operatorname*", r"\operatorname"))
    return re.sub(r"\\[lr]?Vert(?![a-zA-Z])", r"\\|", formula)  # else as high as the row


def set_symbol(element):
    """Names of functions and dots are no operators, `~` and `;` are; fences keep no distance of their own."""
    text = element.text or ""
    if (len(text) > 1 and text.isalpha()) or text == "…":  # \operatorname{clip}
        element.tag = "mi"
    elif text in ("~", ";"):
        element.tag, element.text = "mo", text.replace("~", "∼")
    elif text == "/" or text in FENCES:
        element.attrib.update(lspace="0", rspace="0")


def mark_signs(row):
    """A minus at the start or behind a parenthesis, a comma or a relation belongs to what follows."""
    for before, element in zip([None, *row], row):
        if element.tag == "mo" and element.text in SIGNS:
            binary = before is not None and (before.tag not in ("mo", "mspace") or before.text in CLOSING | {"|", "‖"})
            if not binary:
                element.set("form", "prefix")


def space_functions(row):
    """`log p` with a thin space, `log(p)` without, as TeX sets them."""
    children, spaced = list(row), []
    for before, element, after in zip([None, *children], children, [*children[1:], None]):
        if is_function(element) and is_operand(before):
            spaced.append(ElementTree.Element("mspace", THIN))
        spaced.append(element)
        if is_function(element) and is_operand(after) and core(after).text not in FENCES:
            spaced.append(ElementTree.Element("mspace", THIN))
    row[:] = spaced


def is_function(element):
    """Whether an element is the name of a function, its index and power included."""
    inner = core(element)
    return inner.tag == "mi" and len(inner.text or "") > 1 and inner.text.isalpha()


def is_operand(element):
    """Whether an element is something else than an operator or a space."""
    if element is None or element.tag == "mspace":
        return False
    inner = core(element)
    return inner.tag != "mo" or inner.text in CLOSING


def core(element):
    """An element without its indices and powers."""
    while element.tag in ("msub", "msup", "msubsup", "munder", "mover", "munderover"):
        element = element[0]
    return element
