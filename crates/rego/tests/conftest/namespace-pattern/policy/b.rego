package team.two.deep

deny contains "two" if input.a
