@exclude_b.*
Feature: Tags
  Background:
    Given I have any resource defined
  Scenario Outline: <k> is set
    When it has tags
    Then it must contain <k>
    And its value must match the "^(x\|b)$" regex
    Examples:
      | k |
      | a |
  @nofail
  Scenario: numbers
    Given I have a defined
    When its e is x
    And I count them
    Then I expect the result is greater than 0
