def test_x(database):
    assert database.check().kind == "real"
def test_y(database):
    assert database.check().kind == "real"
