module function

go 1.25.0
