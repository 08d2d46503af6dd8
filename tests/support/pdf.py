"""A PDF file for tests."""


def pdf(*pages: str) -> bytes:
    """A small, real PDF with one line of text a page."""
    count = len(pages)
    kids = " ".join(f"{3 + number} 0 R" for number in range(count))
    font = 3 + 2 * count
    bodies = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"]
    bodies += [
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents {3 + count + number} 0 R"
        f" /Resources << /Font << /F1 {font} 0 R >> >> >>"
        for number in range(count)
    ]
    for page in pages:
        content = f"BT /F1 12 Tf 20 200 Td ({page}) Tj ET"
        bodies.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    bodies.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = (
        f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R >>\n"
    )
    return out + f"{head}startxref\n{len(out)}\n%%EOF\n".encode()
