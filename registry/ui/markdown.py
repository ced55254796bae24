"""Markdown that people write, as HTML that can do nothing but be read."""

import html

LONGEST = 256 * 1024  # characters; hostile ones take 15 µs each, and charts may have files of megabytes


def rendered(text: str) -> str:
    """Sanitised HTML: no scripts, no styles, no pictures from elsewhere, and headings below those of the page.

    What is longer than `LONGEST` is shown as it was written.
    """
    if len(text) > LONGEST:
        return f"<pre>{html.escape(text)}</pre>"
    import nh3  # noqa: PLC0415 -- a registry that nobody looks at renders nothing
    from markdown_it import MarkdownIt  # noqa: PLC0415

    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)
    for level in range(6, 0, -1):
        lower = min(level + 2, 6)
        made = made.replace(f"<h{level}>", f"<h{lower}>").replace(f"</h{level}>", f"</h{lower}>")
    return nh3.clean(made, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"})


_TAGS = {
    *("h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
}
