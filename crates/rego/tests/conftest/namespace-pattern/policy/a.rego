package team.one

deny contains "one" if input.a
