# build
FROM golang:1.25 AS build
RUN ["go", "build"]
FROM scratch
USER 1000
