"""Texts of many kinds, for everything that must leave a text as its provider wrote it."""

TEXTS = {
    "prose": "The ice creeps over the ground, because calm water freezes first. It was cold; it stayed cold.\n\nThen spring came.",
    "song": "La la la\nRing the bell tonight\nLa la la\nRing the bell tonight\nRing the bell tonight\n\nLa la la\n",
    "code": "def add(a, b):\n    return a + b\n\n\nfor n in range(3):\n    for m in range(3):\n        print(add(n, m))\n        }\n}\n",
    "csv": "id,name\n1,ann\n2,ben\n2,ben\n3,cleo\n3,cleo\n3,cleo\n4,dan\n",
    "sql": "INSERT INTO t VALUES (1, 'a');\nINSERT INTO t VALUES (1, 'a');\nINSERT INTO t VALUES (2, 'b');\nINSERT INTO t VALUES (2, 'b');\n",
    "json": '[\n  {"n": 1, "ok": true},\n  {"n": 1, "ok": true},\n  {"n": 2, "ok": true}\n]\n',
    "html": "<ul>\n<li>one</li>\n<li>one</li>\n<li>two</li>\n</ul>\n<p>three</p>",
    "table": "| a | b |\n| - | - |\n| 1 | 2 |\n| 1 | 2 |\n| 3 | 4 |\n",
    "cjk": "氷河はゆっくりと動く。氷河はゆっくりと動く。春になると水が流れる。",
    "emoji": "Snow ❄️❄️❄️ and 👩‍👩‍👧‍👦 with 👍🏽👍🏽 e\u0301e\u0301 again ❄️❄️❄️ done",
}
