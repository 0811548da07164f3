module example.com/categorise

go 1.26
