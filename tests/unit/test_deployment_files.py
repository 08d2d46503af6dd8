"""The files that operators load elsewhere: alert rules and the dashboard, read as Prometheus and Grafana read them.

promtool comes with Prometheus only, so the rules are parsed by `promql-parser`, which follows Prometheus' own grammar.
"""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from inference_service.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/compose/alerts.yml").read_text(encoding="utf-8"))
BOARD = json.loads((ROOT / "deploy/compose/grafana/dashboards/antiphon.json").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
NEEDED = {
    "AntiphonNothingCanAnswer",
    "AntiphonCredentialQuarantined",
    "AntiphonQuotaRunsOut",
    "AntiphonErrorBudget",
    "AntiphonBotDisconnected",
}


def names(expression: Any) -> set[str]:
    return set(re.findall(r"\b(?:gen_ai|antiphon|process)_\w+(?=[{\[\s)=]|$)", expression))


def known() -> set[str]:
    exported = set(re.findall(r"^# TYPE (\w+)", Metrics().render().decode(), re.MULTILINE))
    bot = (ROOT / "discord_bot/metrics.py").read_text(encoding="utf-8")
    exported |= {name for base in re.findall(r'"(antiphon_bot_\w+)"', bot) for name in (base, f"{base}_total")}
    return exported | {f"{name}{suffix}" for name in exported for suffix in ("_count", "_sum", "_bucket", "_total")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_parses_names_real_metrics_and_says_what_to_do(rule: dict[str, Any]) -> None:
    promql_parser.parse(rule["expr"])
    labels = {"gen_ai_operation_name", "gen_ai_request_model"}
    assert names(rule["expr"]) - labels <= known(), rule["alert"]
    assert DURATION.fullmatch(rule["for"])
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "advice"}
    for text in rule["annotations"].values():
        assert text.count("{{") == text.count("}}")


def test_the_rules_cover_what_wakes_an_operator() -> None:
    assert {rule["alert"] for rule in RULES} >= NEEDED
    assert "alerts.yml" in yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())["rule_files"]


@pytest.mark.parametrize(
    ("title", "expression"),
    [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel.get("targets", [])],
)
def test_a_panel_asks_a_valid_question_about_a_real_metric(title: str, expression: str) -> None:
    promql_parser.parse(expression.replace("$instance", ".*").replace("$provider", ".*").replace("$caller", ".*"))
    labels = {"gen_ai_operation_name", "gen_ai_request_model", "gen_ai_token_type"}
    assert names(expression) - labels <= known(), title


def test_the_dashboard_has_variables_and_rows_and_no_cancelled_request_counts_as_failed() -> None:
    assert {variable["name"] for variable in BOARD["templating"]["list"]} == {"instance", "provider", "caller"}
    rows = [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"]
    assert {"Callers", "Discord bot"} <= set(rows)
    failed = next(panel for panel in BOARD["panels"] if panel["title"].startswith("Failed requests"))
    assert "not_found" in failed["targets"][0]["expr"]
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
