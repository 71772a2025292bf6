"""The probes that a configuration can name."""

from espnet2.train.class_choices import ClassChoices

from espnet_probe.probes.abs_probe import AbsProbe
from espnet_probe.probes.highway import HighwayProbe, SharedHighwayProbe
from espnet_probe.probes.linear import LinearProbe

probe_choices = ClassChoices(
    name="probe",
    classes={
        "highway": HighwayProbe,
        "highway_shared": SharedHighwayProbe,
        "linear": LinearProbe,
    },
    type_check=AbsProbe,
    default="highway",
)
