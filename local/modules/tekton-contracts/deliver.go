package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"

	triggersv1beta1 "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	"github.com/tektoncd/triggers/pkg/interceptors"
	"github.com/tektoncd/triggers/pkg/interceptors/cel"
	"github.com/tektoncd/triggers/pkg/interceptors/github"
	"github.com/tektoncd/triggers/pkg/template"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// delivery is a webhook: the body as it was sent, its headers, and the secret that the listener knows.
type delivery struct {
	Body    string              `json:"body"`
	Headers map[string][]string `json:"headers"`
	Secret  string              `json:"secret"`
}

// outcome is what a webhook starts, and why what it does not start was stopped.
type outcome struct {
	Runs    []json.RawMessage `json:"runs"`
	Stopped []string          `json:"stopped"`
}

// declared are the objects that take part in a delivery.
type declared struct {
	listener  *triggersv1beta1.EventListener
	triggers  []*triggersv1beta1.Trigger
	bindings  map[string]*triggersv1beta1.TriggerBinding
	templates map[string]*triggersv1beta1.TriggerTemplate
}

func deliverAll(objects []json.RawMessage, deliveries []delivery) ([]outcome, error) {
	known, err := read(objects)
	if err != nil {
		return nil, err
	}
	outcomes := []outcome{}
	for _, each := range deliveries {
		outcomes = append(outcomes, known.deliver(each))
	}
	return outcomes, nil
}

func read(objects []json.RawMessage) (*declared, error) {
	found := &declared{
		bindings:  map[string]*triggersv1beta1.TriggerBinding{},
		templates: map[string]*triggersv1beta1.TriggerTemplate{},
	}
	for _, raw := range objects {
		var meta metav1.PartialObjectMetadata
		if err := json.Unmarshal(raw, &meta); err != nil {
			return nil, err
		}
		item, known := kinds[meta.APIVersion+"/"+meta.Kind]
		if !known {
			continue
		}
		into := item()
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, err
		}
		into.SetDefaults(context.Background())
		switch typed := into.(type) {
		case *triggersv1beta1.EventListener:
			if found.listener != nil {
				return nil, fmt.Errorf("more than one EventListener: %s and %s", found.listener.Name, typed.Name)
			}
			found.listener = typed
		case *triggersv1beta1.Trigger:
			found.triggers = append(found.triggers, typed)
		case *triggersv1beta1.TriggerBinding:
			found.bindings[typed.Namespace+"/"+typed.Name] = typed
		case *triggersv1beta1.TriggerTemplate:
			found.templates[typed.Namespace+"/"+typed.Name] = typed
		}
	}
	if found.listener == nil {
		return nil, fmt.Errorf("no EventListener among the objects")
	}
	sort.Slice(found.triggers, func(i, j int) bool { return found.triggers[i].Name < found.triggers[j].Name })
	return found, nil
}

// deliver goes the way of the sink (pkg/sink of Triggers): groups, the triggers they select, bindings, templates. Every
// interceptor, binding and template is worked on by Tekton's own code.
func (d *declared) deliver(hook delivery) outcome {
	result := outcome{Runs: []json.RawMessage{}, Stopped: []string{}}
	for _, group := range d.listener.Spec.TriggerGroups {
		extensions, err := hook.pass(group.Interceptors, "namespaces/"+d.listener.Namespace+"/triggerGroups/"+group.Name, nil)
		if err != nil {
			result.Stopped = append(result.Stopped, group.Name+": "+err.Error())
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(group.TriggerSelector.LabelSelector)
		if err != nil {
			result.Stopped = append(result.Stopped, group.Name+": "+err.Error())
			continue
		}
		for _, trigger := range d.triggers {
			if trigger.Namespace != d.listener.Namespace || !selector.Matches(labels.Set(trigger.Labels)) {
				continue
			}
			runs, err := d.start(trigger, hook, extensions)
			if err != nil {
				result.Stopped = append(result.Stopped, trigger.Name+": "+err.Error())
			}
			result.Runs = append(result.Runs, runs...)
		}
	}
	return result
}

func (d *declared) start(t *triggersv1beta1.Trigger, hook delivery, known map[string]any) ([]json.RawMessage, error) {
	extensions, err := hook.pass(t.Spec.Interceptors, "namespaces/"+t.Namespace+"/triggers/"+t.Name, known)
	if err != nil {
		return nil, err
	}
	resolved, err := template.ResolveTrigger(*t,
		func(name string) (*triggersv1beta1.TriggerBinding, error) {
			return find(d.bindings, t.Namespace, name)
		},
		func(name string) (*triggersv1beta1.ClusterTriggerBinding, error) {
			return nil, fmt.Errorf("no ClusterTriggerBinding %s", name)
		},
		func(name string) (*triggersv1beta1.TriggerTemplate, error) {
			return find(d.templates, t.Namespace, name)
		})
	if err != nil {
		return nil, err
	}
	params, err := template.ResolveParams(
		resolved, []byte(hook.Body), http.Header(hook.Headers), extensions, template.NewTriggerContext("event"))
	if err != nil {
		return nil, err
	}
	return template.ResolveResources(resolved.TriggerTemplate, params), nil
}

func find[T any](among map[string]*T, namespace, name string) (*T, error) {
	if found, there := among[namespace+"/"+name]; there {
		return found, nil
	}
	return nil, fmt.Errorf("%s/%s is not declared", namespace, name)
}

// Get is how an interceptor reads a Secret.
func (hook delivery) Get(context.Context, string, *triggersv1beta1.SecretRef) ([]byte, error) {
	return []byte(hook.Secret), nil
}

// pass sends the webhook through a chain of interceptors and returns what is known after it.
func (hook delivery) pass(
	chain []*triggersv1beta1.TriggerInterceptor, id string, known map[string]any,
) (map[string]any, error) {
	extensions := map[string]any{}
	for key, value := range known {
		extensions[key] = value
	}
	available := map[string]triggersv1beta1.InterceptorInterface{
		"cel": cel.NewInterceptor(hook), "github": github.NewInterceptor(hook),
	}
	for _, each := range chain {
		interceptor, there := available[each.GetName()]
		if !there {
			return nil, fmt.Errorf("the interceptor %s is not known here", each.GetName())
		}
		answer := interceptor.Process(context.Background(), &triggersv1beta1.InterceptorRequest{
			Body:              hook.Body,
			Header:            http.Header(hook.Headers).Clone(),
			Extensions:        extensions,
			InterceptorParams: interceptors.GetInterceptorParams(each),
			Context:           &triggersv1beta1.TriggerContext{EventURL: "/", EventID: "event", TriggerID: id},
		})
		if !answer.Continue {
			return nil, fmt.Errorf("%s", answer.Status.Message)
		}
		for key, value := range answer.Extensions {
			extensions[key] = value
		}
	}
	return extensions, nil
}
