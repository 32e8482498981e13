"""A pod as what a task does when it is due.

Kubernetes itself expands `$(NAME)` in these fields; `$$(` stands for a literal `$(`.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from crontask_core.model.base import Model, Text, keyed_list, rules, shaped
from crontask_core.model.borrowed import MAX_NAME, PodTemplate, ResourceAmounts, ValueSource

DEFAULT_PENDING_SECONDS = 300
EnvName = Annotated[
    str,
    shaped(
        r"^[ -<>-~]+$",
        "the name of a variable holds only printable ASCII characters except =; rename it",
        longest=MAX_NAME,
    ),
]


class EnvVar(Model):
    """One environment variable of the short form, as in a container's env."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!(has(self.value) && has(self.valueFrom))", "value and valueFrom are both set; remove one of them")
        )
    )

    name: EnvName
    """The name of the variable."""

    value: Text | None = None
    """The literal value; it may refer to earlier variables as $(NAME)."""

    value_from: ValueSource | None = None
    """One source in place of a value: secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef, as in a pod."""


class PodAction(Model):
    """A pod for each attempt: a full template, or the short form for one container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.template) || has(self.image)",
                "the pod has no container; set image (the short form) or template (a full pod template)",
            ),
            (
                "!(has(self.template) && has(self.image))",
                "template and image are both set; remove image, or remove template and keep the short form",
            ),
            (
                "!has(self.template) || !(has(self.command) || has(self.args) || has(self.env) || has(self.resources))",
                "command, args, env and resources belong to the short form; with template, set them in its containers",
            ),
        )
    )

    template: PodTemplate | None = None
    """A PodTemplateSpec (metadata and spec), used as it is, with restartPolicy Never where it names none."""

    image: str | None = Field(default=None, min_length=1, max_length=1024)
    """Short form: the image of the only container."""

    command: list[Text] | None = Field(default=None, max_length=1000)
    """Short form: the command in place of the image's entry point."""

    args: list[Text] | None = Field(default=None, max_length=1000)
    """Short form: the arguments of the command."""

    env: list[EnvVar] | None = Field(default=None, max_length=2000, json_schema_extra=keyed_list("name"))
    """Short form: environment variables, besides the CRONTASK_* ones that every container gets."""

    resources: ResourceAmounts | None = None
    """Short form: requests and limits of the container."""

    pending_timeout_seconds: int = Field(default=DEFAULT_PENDING_SECONDS, ge=1, le=86_400)
    """How long the pod may wait for a node and for its images before the attempt fails (Unschedulable, ImagePull)."""
