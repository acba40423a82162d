package experiments

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/anabranch/anabranch/shared/metrics"
)

// levelVariable is the variable that holds the lowest level that a function logs.
const levelVariable = "LOG_LEVEL"

// logLevel makes audit log errors only, and asks CloudWatch whether it still prints a metric at every tick.
func logLevel(ctx context.Context, l *Lab) ([]Finding, error) {
	name := l.Outputs["AuditFunction"]
	before, err := l.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return nil, fmt.Errorf("read the configuration of audit: %w", err)
	}
	if before.Environment == nil || before.Environment.Variables[levelVariable] == "" {
		return nil, fmt.Errorf("audit has no variable %s: this release does not know it", levelVariable)
	}
	variables := before.Environment.Variables
	changed := maps.Clone(variables)
	changed[levelVariable] = "ERROR"
	if err := l.change(ctx, change{
		what:   levelVariable + "=ERROR at audit instead of " + variables[levelVariable],
		byHand: "set the variable " + levelVariable + " of the audit function to " + variables[levelVariable],
		undo:   func(ctx context.Context) error { return l.setVariables(ctx, name, variables) },
	}, func(ctx context.Context) error { return l.setVariables(ctx, name, changed) }); err != nil {
		return nil, err
	}
	began := l.Now()
	if err := l.Wait(ctx, l.Sizes.Shows); err != nil {
		return nil, err
	}
	// The same function printed metrics before. If CloudWatch has none of these either, it has none at all.
	earlier, err := l.samples(ctx, metrics.Namespace, string(metrics.BatchOverdue), name, began.Add(-lookBack), began)
	if err != nil || earlier == 0 {
		none := notMeasured(reason(err, "CloudWatch has no metric"))
		return []Finding{{What: "values of a metric of audit", Value: none}}, nil
	}
	later, err := l.samples(ctx, metrics.Namespace, string(metrics.BatchOverdue), name, began, l.Now())
	if err != nil {
		return nil, err
	}
	found := []Finding{{
		What:  fmt.Sprintf("values of %s in %.0f minutes at level ERROR", metrics.BatchOverdue, l.Sizes.Shows.Minutes()),
		Value: fmt.Sprintf("%.0f; %.0f in the %.0f minutes before", later, earlier, lookBack.Minutes()),
	}}
	if later == 0 {
		return found, fmt.Errorf("at level ERROR, no metric of audit has come for %s", l.Sizes.Shows)
	}
	return found, nil
}

// setVariables sets the variables of a function, and waits until Lambda has taken them over.
func (l *Lab) setVariables(ctx context.Context, name string, variables map[string]string) error {
	if _, err := l.Lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &name, Environment: &types.Environment{Variables: variables},
	}); err != nil {
		return err
	}
	return l.until(ctx, "Lambda to take over the variables of audit", func(ctx context.Context) (bool, error) {
		now, err := l.Lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return false, err
		}
		if now.LastUpdateStatus == types.LastUpdateStatusFailed {
			return false, fmt.Errorf("the update failed: %s", aws.ToString(now.LastUpdateStatusReason))
		}
		return now.LastUpdateStatus != types.LastUpdateStatusInProgress, nil
	})
}

// reason returns the text of an error, or another one if there is no error.
func reason(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}
