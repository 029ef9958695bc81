package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	pipelinev1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	pipelinev1beta1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1beta1"
	triggersv1beta1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
)

// object is what Tekton's admission webhooks work on.
type object interface {
	apis.Defaultable
	apis.Validatable
}

// kinds are those that the webhooks of Pipelines and Triggers validate and that a stack can declare.
var kinds = map[string]func() object{
	"tekton.dev/v1/Task":                                func() object { return &pipelinev1.Task{} },
	"tekton.dev/v1/TaskRun":                             func() object { return &pipelinev1.TaskRun{} },
	"tekton.dev/v1/Pipeline":                            func() object { return &pipelinev1.Pipeline{} },
	"tekton.dev/v1/PipelineRun":                         func() object { return &pipelinev1.PipelineRun{} },
	"tekton.dev/v1beta1/StepAction":                     func() object { return &pipelinev1beta1.StepAction{} },
	"triggers.tekton.dev/v1beta1/EventListener":         func() object { return &triggersv1beta1.EventListener{} },
	"triggers.tekton.dev/v1beta1/Trigger":               func() object { return &triggersv1beta1.Trigger{} },
	"triggers.tekton.dev/v1beta1/TriggerBinding":        func() object { return &triggersv1beta1.TriggerBinding{} },
	"triggers.tekton.dev/v1beta1/TriggerTemplate":       func() object { return &triggersv1beta1.TriggerTemplate{} },
	"triggers.tekton.dev/v1beta1/ClusterTriggerBinding": func() object { return &triggersv1beta1.ClusterTriggerBinding{} },
}

// verdict is what Tekton says of one object; Error is empty for a valid one. Admitted is the object as it is stored then.
type verdict struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Error     string `json:"error"`
	Admitted  object `json:"admitted"`
}

func validate(objects []json.RawMessage) ([]verdict, error) {
	verdicts := []verdict{}
	for _, raw := range objects {
		var meta metav1.PartialObjectMetadata
		if err := json.Unmarshal(raw, &meta); err != nil {
			return nil, err
		}
		found := verdict{Kind: meta.Kind, Namespace: meta.Namespace, Name: meta.Name}
		item, err := admit(meta.APIVersion+"/"+meta.Kind, raw)
		if err != nil {
			found.Error = err.Error()
		}
		found.Admitted = item
		verdicts = append(verdicts, found)
	}
	return verdicts, nil
}

// admit does what the webhooks do at a creation: decode strictly, set defaults, validate.
func admit(kind string, raw json.RawMessage) (object, error) {
	create, known := kinds[kind]
	if !known {
		return nil, fmt.Errorf("%s is no kind that Tekton validates in this version", kind)
	}
	item := create()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(item); err != nil {
		return nil, err
	}
	ctx := apis.WithinCreate(context.Background())
	item.SetDefaults(ctx)
	if err := item.Validate(ctx); err != nil {
		return nil, err
	}
	return item, nil
}
