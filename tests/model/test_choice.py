"""Multiple choice: where answers part, and which option windows choose together."""

import numpy as np
import pytest

from videoexpert.choice import choose, choose_seen, common_beginning


def test_answers_part_at_their_letter() -> None:
    assert common_beginning([(5, 6, 1, 9), (5, 6, 2, 9), (5, 6, 3, 9)]) == ((5, 6), (1, 2, 3))


@pytest.mark.parametrize(
    "answers", [[(5, 6), (5, 6)], [(5, 1, 9), (5, 1, 9), (5, 2, 9)], [(5, 1, 8), (5, 2, 8), (5, 1, 9)]]
)
def test_answers_that_one_token_does_not_tell_apart_are_refused(answers: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="no single token"):
        common_beginning(answers)


def test_the_likeliest_option_is_chosen_whatever_else_the_model_would_rather_write() -> None:
    assert choose(np.array([[-9.0, -7.0, -8.0]]), np.array([0.01])) == 1


def test_the_window_that_saw_the_evidence_decides() -> None:
    rows = np.log([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
    assert choose(rows, np.array([0.1, 0.9, 0.1])) == 1
    assert choose(rows, np.array([0.5, 0.5, 0.5])) == 0


def test_very_unlikely_letters_are_compared_without_loss() -> None:
    assert choose(np.array([[-2000.0, -1999.0]]), np.array([0.5])) == 1


def test_of_two_things_that_are_seen_the_surer_one_wins_whatever_the_letters_lean_to() -> None:
    letters = np.log([[0.2, 0.6, 0.2]])
    assert choose_seen(letters, np.array([[0.99, 0.95, 0.01]])) == 0


def test_letters_decide_between_options_that_are_seen_alike() -> None:
    assert choose_seen(np.log([[0.3, 0.7]]), np.array([[0.8, 0.8]])) == 1
    assert choose_seen(np.log([[0.3, 0.7]]), np.array([[1.0, 1.0]])) == 1
    assert choose_seen(np.log([[0.3, 0.7]]), np.array([[0.0, 0.0]])) == 1


def test_one_window_that_shows_an_option_outweighs_many_that_show_none() -> None:
    letters = np.log([[0.5, 0.5], [0.3, 0.7], [0.3, 0.7], [0.3, 0.7]])
    assert choose_seen(letters, np.array([[0.9, 0.1], [0.02, 0.05], [0.02, 0.05], [0.02, 0.05]])) == 0
