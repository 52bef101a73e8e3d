package main

deny contains "yes" if input.a == 1
