// Karpenter with its KWOK cloud provider, which always has capacity, and a way to run out of it: offerings listed in the
// JSON file named by EXHAUSTED_FILE are refused as EC2 refuses them, with an insufficient-capacity error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"

	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
)

// exhausted is one offering of which there is none left; an empty zone means all zones.
type exhausted struct {
	InstanceType string `json:"instanceType"`
	Zone         string `json:"zone"`
}

// exhaustible refuses to launch what the file lists; everything else is the provider it wraps.
type exhaustible struct {
	cloudprovider.CloudProvider
	file string
}

// Create looks at the file at every call, so that a test can run out of capacity and get it back.
func (e exhaustible) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	list, err := e.read()
	if err != nil {
		return nil, err
	}
	types := allowed(claim, corev1.LabelInstanceTypeStable)
	zones := allowed(claim, corev1.LabelTopologyZone)
	for _, one := range list {
		inZone := one.Zone == "" || len(zones) == 0 || slices.Contains(zones, one.Zone)
		if inZone && slices.Contains(types, one.InstanceType) {
			return nil, cloudprovider.NewInsufficientCapacityError(
				fmt.Errorf("no %s left in %v (told so by a test)", one.InstanceType, zones))
		}
	}
	return e.CloudProvider.Create(ctx, claim)
}

func (e exhaustible) read() ([]exhausted, error) {
	text, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []exhausted
	return list, json.Unmarshal(text, &list)
}

// allowed gives the values that the claim's In requirements leave for a label.
func allowed(claim *v1.NodeClaim, key string) []string {
	for _, requirement := range claim.Spec.Requirements {
		if requirement.Key == key && requirement.Operator == corev1.NodeSelectorOpIn {
			return requirement.Values
		}
	}
	return nil
}

func main() {
	ctx, op := operator.NewOperator()
	instanceTypes, err := kwok.ConstructInstanceTypes(ctx)
	if err != nil {
		panic(err)
	}
	bare := exhaustible{kwok.NewCloudProvider(ctx, op.GetClient(), instanceTypes), os.Getenv("EXHAUSTED_FILE")}
	provider := overlay.Decorate(bare, op.GetClient(), op.InstanceTypeStore)
	cluster := state.NewCluster(op.Clock, op.GetClient(), provider)
	all := controllers.NewControllers(ctx, op.Manager, op.Clock, op.GetClient(), op.EventRecorder,
		provider, bare, cluster, op.InstanceTypeStore)
	op.WithControllers(ctx, all...).Start(ctx)
}
