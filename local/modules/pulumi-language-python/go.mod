module tekton-delivery.local/pulumi-language-python

go 1.26

require github.com/pulumi/pulumi/sdk/v3 v3.79.0

tool github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python
