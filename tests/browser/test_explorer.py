"""The explorer in a browser: its numbers are Keras's, every part answers to mouse and keyboard, frames are in time."""

import numpy as np
import pytest

from course_utils.data import load
from tools import explorer
from tools.train_explorer import stored_model

GRID = np.stack(np.meshgrid(np.linspace(-3, 3, 40), np.linspace(-3, 3, 40)), axis=-1).reshape(-1, 2)[::10]


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """The explorer as a file, opened without a server."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    path.write_text(explorer.page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(page, file):
    page.goto(file)
    page.wait_for_function("explorer.frames.length > 3")
    yield page
    assert page.faults == [] and list(page.received) == [file]


@pytest.mark.parametrize("name", ["vae", "plain"])
def test_every_tenth_grid_point_is_decoded_as_by_keras(opened, name):
    drawn = opened.evaluate(f"points => points.map((z) => [...explorer.decode.{name}(z)])", GRID.tolist())
    expected = stored_model(name).decoder.predict(GRID.astype(np.float32), verbose=0).reshape(len(GRID), -1)
    np.testing.assert_allclose(drawn, expected, atol=1e-3)


def test_styles_are_decoded_as_by_keras(opened):
    digits = np.arange(len(GRID)) % 10
    points = [[z, int(digit)] for z, digit in zip(GRID.tolist(), digits)]
    drawn = opened.evaluate("points => points.map(([z, digit]) => [...explorer.decode.style(z, digit)])", points)
    told = [GRID.astype(np.float32), np.eye(10, dtype=np.float32)[digits]]
    expected = stored_model("conditional").decoder.predict(told, verbose=0).reshape(len(GRID), -1)
    np.testing.assert_allclose(drawn, expected, atol=1e-3)


def test_digits_are_encoded_as_by_keras(opened, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    images = load("mnist").x_test[:50]
    answers = opened.evaluate(
        "images => images.map((x) => explorer.encode(x)).map(({mean, logVar}) => [[...mean], [...logVar]])",
        images.reshape(50, -1).tolist(),
    )
    mean, log_var = stored_model("vae").encoder.predict(images, verbose=0)
    np.testing.assert_allclose([answer[0] for answer in answers], mean, atol=2e-3)
    np.testing.assert_allclose([answer[1] for answer in answers], log_var, atol=2e-3)


def picture(page, selector):
    """What stands on a canvas, as text."""
    return page.locator(selector).evaluate("canvas => canvas.toDataURL()")


@pytest.mark.parametrize("name", ["vae", "plain"])
def test_dragging_and_sliders_move_the_same_code(opened, name):
    image, canvas = f"#look [data-map={name}] .image", opened.locator(f"#look [data-map={name}] canvas.map")
    before = picture(opened, image)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    opened.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.2 * box["height"], steps=5)
    opened.mouse.up()
    opened.wait_for_timeout(100)
    dragged = picture(opened, image)
    assert dragged != before
    slider = opened.locator(f"#look [data-map={name}] input").first
    value = float(slider.input_value())
    slider.focus()
    slider.press("ArrowLeft")
    opened.wait_for_timeout(100)
    assert float(slider.input_value()) < value and picture(opened, image) != dragged


def test_the_keyboard_alone_reaches_and_moves_everything(opened):
    reached = []
    for tab in ("look", "walk", "draw", "style"):
        if tab != "look":
            opened.locator("[role=tab][aria-selected=true]").focus()
            opened.keyboard.press("ArrowRight")
        opened.locator("[role=tab][aria-selected=true]").focus()
        inside = opened.locator(f"#{tab} :is(button, select, input, canvas[tabindex])").count()
        for _ in range(inside):
            opened.keyboard.press("Tab")
            focused = opened.evaluate("document.activeElement.closest('section')?.id")
            assert focused == tab
            if opened.evaluate("document.activeElement.tagName") == "CANVAS":
                was = opened.evaluate("document.activeElement.toDataURL()")
                for key in ("Space", "ArrowRight", "ArrowDown") if tab == "draw" else ("ArrowRight",):
                    opened.keyboard.press(key)
                opened.wait_for_timeout(100)
                assert opened.evaluate("document.activeElement.toDataURL()") != was
        reached.append(inside)
    assert reached == [6, 6, 2, 3]


def test_both_walks_begin_and_end_at_the_chosen_digits(opened):
    opened.locator("#tab-walk").click()
    straight, along = picture(opened, "#walk-straight"), picture(opened, "#walk-along")
    assert straight != along
    opened.locator("#to-class").select_option("9")
    opened.wait_for_timeout(100)
    assert picture(opened, "#walk-straight") != straight
    near = []
    for end in "01235678":
        opened.locator("#to-class").select_option(end)
        near.append([int(opened.locator(f"#say-{name}").inner_text().split()[0]) for name in ("straight", "along")])
    assert np.mean(near, axis=0)[1] > 1.1 * np.mean(near, axis=0)[0], "along the data there are more"
    for step in ("0", "100"):
        opened.locator("#step").fill(step)
        opened.wait_for_timeout(100)
        assert picture(opened, "#step-straight") == picture(opened, "#step-along")
    opened.locator("#play").click()
    opened.wait_for_timeout(400)
    assert int(opened.locator("#step").input_value()) not in (0, 100)


def test_a_digit_drawn_by_hand_is_answered_with_its_distribution(opened):
    opened.locator("#tab-draw").click()
    assert "Nothing is drawn" in opened.locator("#q-says").inner_text()
    box = opened.locator("#pen").bounding_box()
    places = [(0.5 + 0.22 * np.sin(t), 0.5 - 0.32 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 30)]
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    opened.mouse.move(*at[0])
    opened.mouse.down()
    for place in at[1:]:
        opened.mouse.move(*place)
    opened.mouse.up()
    opened.wait_for_timeout(100)
    assert opened.locator("#q-says").inner_text().endswith("nearest test digit: a 0")
    opened.locator("#clear").click()
    opened.wait_for_timeout(100)
    assert "Nothing is drawn" in opened.locator("#q-says").inner_text()


def test_sixty_frames_a_second_while_dragging(opened):
    """The work of a frame must leave time for the browser's own: 1/60 of a second is 16.7 ms."""
    box = opened.locator("#look [data-map=vae] canvas.map").bounding_box()
    opened.evaluate("explorer.frames.length = 0")
    opened.mouse.move(box["x"] + 20, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=200)
    opened.mouse.up()
    frames = opened.evaluate("explorer.frames")
    assert len(frames) > 20 and np.quantile(frames, 0.95) < 1000 / 60, np.quantile(frames, [0.5, 0.95, 1])


def test_it_needs_no_webgl(browser, file):
    context = browser.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = new Proxy("
                            "HTMLCanvasElement.prototype.getContext, {apply: (f, c, [kind, ...rest]) => "
                            "kind === '2d' ? f.call(c, kind, ...rest) : null})")  # fmt: skip
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(file)
    page.wait_for_function("explorer.frames.length > 3")
    assert faults == []
    context.close()
