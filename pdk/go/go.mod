module github.com/mesh-host/mesh-host/pdk/go

go 1.23
