# escape=`
FROM mcr.microsoft.com/windows
RUN dir `
    c:\ 
COPY ["a b", "c:\\x"]
ADD http://example.com/x.tar /x
