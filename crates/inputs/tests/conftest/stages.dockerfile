FROM a AS one
RUN one && \

    two
FROM b AS two
COPY --from=one /x /y
RUN ["sh", "-c", "echo hi"]
CMD
