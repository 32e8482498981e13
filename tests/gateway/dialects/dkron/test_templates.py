"""Go's templates, as far as they are read: what they become, and what is refused of them."""

import pytest

from crontask_core.substitution import expand
from crontask_gateway.dialects.dkron.templates import FIELDS, TemplateError, written

VALUES = {name: f"$(X_{name.upper()})" for name in FIELDS} | {"JobName": "job", "Success": "true", "NodeName": "n"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("plain }} text", "plain }} text"),
        ("{{.JobName}} {{ .JobName }}\t{{\n.JobName\n}}", "job job\tjob"),
        ("{{.Output}}", "$(X_OUTPUT)"),
        ("TOKEN\n{{ .JobName }}\n{{ .Success }}", "TOKEN\njob\ntrue"),  # what django-dkron's webhook wants
        ('at {{.StartTime.Format "2006-01-02T15:04:05Z07:00"}}', "at $(X_STARTTIME)"),
        ("at {{ .FinishedAt.Format `2006-01-02T15:04:05Z07:00` }}", "at $(X_FINISHEDAT)"),
        ("a {{- .JobName -}} b", "ajobb"),
        ("a {{- /* a comment */ -}} b", "ab"),
        ("a{{/* {{ */}}b", "ab"),
        ('{{if eq .Success "true"}}good{{else}}bad{{end}}', "good"),
        ('{{if ne .Success "true"}}good{{else}}bad{{end}}!', "bad!"),
        ('{{if eq "false" .Success}}a{{else if eq .JobName `job`}}b{{else}}c{{end}}', "b"),
        ('{{if eq .NodeName "n"}}{{if eq .Success "false"}}a{{end}}b{{end}}', "b"),
        ('{{if eq .NodeName "x"}}{{if eq .Success "true"}}a{{end}}b{{end}}c', "c"),
        ("{{if .Success}}always, as in Go{{end}}", "always, as in Go"),
        ('{{if eq .Success "x"}}{{.Output}}{{end}}', ""),
    ],
)
def test_what_is_written(template: str, expected: str) -> None:
    assert written(template, VALUES) == expected


@pytest.mark.parametrize("text", ["$", "$$", "a$(CRONTASK_TASK)b", "$$(X)", "100 $ for {{.JobName}}"])
def test_dollars_of_the_template_stay_what_they_are(text: str) -> None:
    told = expand(written(text, VALUES), {"CRONTASK_TASK": "wrong", "X": "wrong"})
    assert told == text.replace("{{.JobName}}", "job")


def test_a_dollar_before_a_value_does_not_spoil_it() -> None:
    assert expand(written("costs ${{.Output}}", VALUES), {"X_OUTPUT": "5"}) == "costs $5"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.Group}}", "{{.Group}} is not understood; there are .Report, .JobName"),
        ("{{.Output | printf}}", "is not understood"),
        ("{{range .Output}}{{end}}", "is not understood"),
        ("{{.JobName.Format `x`}}", "is not understood"),
        ('{{.StartTime.Format "2006"}}', "no other layout than 2006-01-02T15:04:05Z07:00; write {{.StartTime}}"),
        ("{{if .Output}}a{{end}}", "cannot ask for .Output; it can for .JobName, .NodeName"),
        ("{{if}}a{{end}}", "cannot ask for nothing"),
        ("{{if eq .Success true}}a{{end}}", "cannot ask for true"),
        ("{{if .Success}}a", "no {{end}}; add it"),
        ("a{{end}}", "{{end}} stands where none may be"),
        ("{{else}}", "{{else}} stands where none may be"),
        ("{{if .Success}}{{else}}{{else}}{{end}}", "{{else}} stands where none may be"),
        ("{{if .Success}}{{else with}}{{end}}", "{{else with}} is not understood"),
        ("a {{.JobName", "not closed; add }}"),
        ("a {{.JobName}} {{", "not closed"),
    ],
)
def test_what_is_refused(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        written(template, VALUES)
    assert message in str(caught.value)
