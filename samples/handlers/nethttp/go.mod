module example.com/submit

go 1.26
