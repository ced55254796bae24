"""The admin page: what people see who open the registry's address in a browser.

Templates are rendered on the server, forms are plain forms and lists are plain links, so that all of it works without
JavaScript; htmx and a few small modules only spare the reader some loading. Handlers call the rules in `registry.core`,
and are let in by the same gate, sessions and permissions as the management API.

To add a screen:

* its row in `rules.py`: method, address, handler, and what it needs; `InProject` finds the project in `{project_name}`;
* its handler, a method of the class in the module of its noun (`projects.py`), built in `registry/pages.py`. It returns
  `pages.show(call, "template.html", name=value)`, or after a change `pages.go(call, "/ui/somewhere", note)`, which is a
  redirect with a sentence on top of the next page. A GET changes nothing; what a POST is refused is raised, and shown
  either beside the form that was sent or by `pages.fail`, which is what happens to all errors that a handler lets pass;
* its template in `templates/`, which begins with `{% extends layout %}` and fills the blocks `title` and `content`;
  what recurs (icons, copy boxes, pagers, form fields) is in `templates/parts.html`. A form that posts has
  `{{ proof() }}` in it, without which it is refused. Nothing has inline styles or scripts: the policy forbids them.
  What asks before something goes extends `confirm.html` instead;
* its sentences in `_()` in templates and in `marked()` in Python, each translated in `locale/zh_CN`; `tests/ui/
  test_languages.py` tells which are missing;
* its test in `tests/ui/test_<noun>.py`: who sees it, and what its forms do.

A screen that looks for news by itself has `parts.lives(seconds)` in it. Where making it costs something, its handler
asks `pages.unchanged(call, marker)` first, with what is another whenever the page is, and returns the answer if there
is one.

A list takes its filter, order and page from the query, by `lists.listing_of(call)`, and shows `pager(list)`.
"""
