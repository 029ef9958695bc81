module tekton-delivery.local/pulumi

go 1.26

require github.com/pulumi/pulumi/pkg/v3 v3.255.0

tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
