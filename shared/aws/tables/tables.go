// Package tables makes a function's stores in DynamoDB from its environment: each from its own variable.
//
// It is apart from shared/aws/launch, since items of views bring with them what runs views.
package tables

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/anabranch/anabranch/shared/aws/dynamocatalog"
	"github.com/anabranch/anabranch/shared/aws/dynamoviews"
	"github.com/anabranch/anabranch/shared/aws/launch"
)

// Control is the table of control.
func Control(e *launch.Environment) *dynamocatalog.Catalog {
	return dynamocatalog.New(dynamodb.NewFromConfig(e.Config()), e.Name(launch.CatalogTable))
}

// Base is the table of base items.
func Base(e *launch.Environment) *dynamoviews.Base {
	return dynamoviews.NewBase(dynamodb.NewFromConfig(e.Config()), e.Name(launch.BaseTable))
}

// Speed is the table of speed items.
func Speed(e *launch.Environment) *dynamoviews.Speed {
	return dynamoviews.NewSpeed(dynamodb.NewFromConfig(e.Config()), e.Name(launch.SpeedTable))
}

// Seen is the table of seen items.
func Seen(e *launch.Environment) *dynamoviews.Seen {
	return dynamoviews.NewSeen(dynamodb.NewFromConfig(e.Config()), e.Name(launch.SeenTable))
}
