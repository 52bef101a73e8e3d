package main

deny contains {"message": "x"} if input.a
