"""What is looked at on a page in a browser: its words, its focus, its edges."""

# What a Chinese page may hold in Latin letters.
LATIN = {
    "acrcast",
    "English",
    "DAS",
    "CDAI",
    "SDAI",
    "HAQ",
    "PtGA",
    "PhGA",
    "Treg",
    "FoxP",
    "ELISA",
    "LOINC",
    "CRP",
    "ESR",
}
LATIN |= {"ACR", "CCP", "VAS", "API", "log", "odds", "Riley", "sha", "UTC", "sex"}
# Of a choice that is drawn as a segment, its words are marked.
IS_MARKED = """() => {
  const focused = document.activeElement;
  return getComputedStyle(focused.type === "radio" ? focused.nextElementSibling : focused).outlineStyle !== "none";
}"""
# All that the page says in its own language, without how the model is named.
SAID = """() => {
  const body = document.body.cloneNode(true);
  for (const other of body.querySelectorAll("[lang], .made, textarea, script, noscript, code")) other.remove();
  return body.textContent;
}"""
ENGLISH_WORDS = r"[A-Za-z]{3,}"


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def reached_by_tab(page, wanted):
    """Presses Tab until what has this id, or these words, has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        if seen[-1] == wanted:
            return
    raise AssertionError(f"{wanted} is not reached: {[name[:30] for name in seen]}")
