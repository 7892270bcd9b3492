"""The two energies of VASP come through, from vasprun.xml as VASP writes it."""

import pytest

from empnet.files.read import read

ENERGIES = """<energy><i name="e_fr_energy"> -7.3 </i><i name="e_wo_entrp"> -6.7 </i>
<i name="e_0_energy"> -7.0 </i></energy>"""
CRYSTAL = """<crystal><varray name="basis"><v> 4.0 0 0 </v><v> 0 4.0 0 </v><v> 0 0 4.0 </v></varray></crystal>
<varray name="positions"><v> 0 0 0 </v><v> 0.5 0.5 0.5 </v></varray>"""
STEP = f"""<calculation><scstep>{ENERGIES}</scstep><structure>{CRYSTAL}</structure>
<varray name="forces"><v> 0.1 0 0 </v><v> -0.1 0 0 </v></varray>
<varray name="stress"><v> 10 0 0 </v><v> 0 10 0 </v><v> 0 0 10 </v></varray>
{ENERGIES}</calculation>"""
FILE = f"""<?xml version="1.0" encoding="ISO-8859-1"?><modeling>
<generator><i name="program" type="string">vasp </i><i name="version" type="string">6.3.0 </i></generator>
<incar></incar>
<kpoints><varray name="kpointlist"><v> 0 0 0 </v></varray><varray name="weights"><v> 1.0 </v></varray></kpoints>
<parameters></parameters><atominfo><atoms> 2 </atoms><types> 1 </types><array name="atoms"><set>
<rc><c>Cu</c><c> 1</c></rc><rc><c>Cu</c><c> 1</c></rc></set></array></atominfo>
<structure name="initialpos">{CRYSTAL}</structure>
{STEP}{STEP}</modeling>"""


def test_vasprun_has_both_energies(tmp_path):
    (tmp_path / "vasprun.xml").write_text(FILE)
    systems = read(tmp_path / "vasprun.xml")
    assert len(systems) == 2
    assert dict(systems[0].properties) == {"energy": pytest.approx(-7.0), "free_energy": pytest.approx(-7.3)}
    assert systems[0].arrays["forces"][0, 0] == 0.1
    assert systems[0].info["stress"][0] == pytest.approx(-10 * 6.2415e-4, rel=1e-4)  # kB, positive under pressure
