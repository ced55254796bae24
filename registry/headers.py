"""Header fields that every answer has, errors and those of the guard included, unless it says something else in one.

What is stored is data and never a page, whatever a browser makes of it: it neither guesses a type, nor runs anything,
nor shows an answer inside of another site.
"""

EVERYWHERE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"docker-distribution-api-version", b"registry/2.0"),
)
