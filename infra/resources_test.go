package infra_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/anabranch/anabranch/shared/aws/awstest"
	"github.com/anabranch/anabranch/shared/metrics"
	"github.com/anabranch/anabranch/shared/setting"
)

// TestTables checks that the tables have the keys of the adapters' tests, and are protected against accidental loss.
func TestTables(t *testing.T) {
	store := storage(t)
	schemas := map[string]awstest.Schema{
		"CatalogTable": awstest.CatalogTable, "BaseTable": awstest.BaseTable, "SpeedTable": awstest.SpeedTable,
		"SeenTable": awstest.SeenTable,
	}
	tables := store.resources("AWS::DynamoDB::Table")
	if len(tables) != len(schemas) {
		t.Errorf("%d tables, want %d", len(tables), len(schemas))
	}
	for _, r := range tables {
		schema, ok := schemas[r.name]
		if !ok {
			t.Errorf("no adapter uses table %s", r.name)
			continue
		}
		want(
			t, r.name+": keys", r.property("KeySchema"),
			"[{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]",
		)
		want(t, r.name+": attributes", r.property("AttributeDefinitions"), attributes(schema.Keys))
		want(t, r.name+": billing", r.property("BillingMode"), "PAY_PER_REQUEST")
		recovery := "{Fn::If: [BacksUpViews, true, false]}"
		if r.name == "CatalogTable" {
			recovery = "true" // everything else can be rebuilt from the archive
		}
		want(t, r.name+": recovery", r.property("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), recovery)
		want(t, r.name+": encrypted with a key that AWS owns", r.property("SSESpecification"), "<nil>")
		want(t, r.name+": protection", r.property("DeletionProtectionEnabled"), "{Fn::If: [Protect, true, false]}")
		wantedTTL := "<nil>"
		if schema.Expires != "" {
			wantedTTL = "{AttributeName: " + schema.Expires + ", Enabled: true}"
		}
		want(t, r.name+": TTL", r.property("TimeToLiveSpecification"), wantedTTL)
	}
	want(t, "condition Protect", at(store.root, "Conditions", "Protect"), "{Fn::Equals: [!Ref DeletionProtection, true]}")
	want(t, "condition BacksUpViews", at(store.root, "Conditions", "BacksUpViews"),
		"{Fn::Equals: [!Ref BackUpViews, true]}")
	want(t, "protection by default", store.parameter("DeletionProtection")["Default"], "true")
}

func attributes(keys types.ScalarAttributeType) string {
	return "[{AttributeName: pk, AttributeType: " + string(keys) +
		"}, {AttributeName: sk, AttributeType: " + string(keys) + "}]"
}

// TestBuckets checks that no bucket is public, that everything is encrypted, and that objects of the archive are
// written once.
func TestBuckets(t *testing.T) {
	store := storage(t)
	for _, r := range store.resources("AWS::S3::Bucket") {
		for _, name := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			want(t, r.name+": "+name, r.property("PublicAccessBlockConfiguration", name), "true")
		}
		want(t, r.name+": encryption", r.property("BucketEncryption", "ServerSideEncryptionConfiguration"),
			"[{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]")
		want(t, r.name+": owner", r.property("OwnershipControls", "Rules"), "[{ObjectOwnership: BucketOwnerEnforced}]")
		if r.property("BucketName") != nil {
			t.Errorf("%s has a fixed name, so it cannot be replaced or deployed twice", r.name)
		}
		policy := store.resource(r.name + "Policy")
		want(t, r.name+": policy", policy.property("Bucket"), "!Ref "+r.name)
		want(t, r.name+": TLS", listOf(policy.property("PolicyDocument", "Statement"))[0],
			"{Action: s3:*, Condition: {Bool: {aws:SecureTransport: false}}, Effect: Deny, Principal: *, "+
				"Resource: [!GetAtt "+r.name+".Arn, !Sub ${"+r.name+".Arn}/*], Sid: OnlyTls}")
	}
	archive := store.resource("ArchiveBucket")
	want(t, "versions of the archive", archive.property("VersioningConfiguration"), "{Status: Enabled}")
	want(t, "lifecycle of the archive: nothing expires", archive.property("LifecycleConfiguration", "Rules"),
		"[{AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}, Id: abort-incomplete-uploads, Status: Enabled}]")
	statements := listOf(store.resource("ArchiveBucketPolicy").property("PolicyDocument", "Statement"))
	want(t, "puts into the archive", statements[1],
		"{Action: s3:PutObject, Condition: {Bool: {s3:ObjectCreationOperation: true}, Null: {s3:if-none-match: true}}, "+
			"Effect: Deny, "+
			"Principal: *, Resource: !Sub ${ArchiveBucket.Arn}/*, Sid: OnlyCreateOnce}")
	if n := len(listOf(store.resource("FailureBucketPolicy").property("PolicyDocument", "Statement"))); n != 1 {
		t.Errorf("the policy of the bucket for failures has %d statements: Lambda's puts need none", n)
	}
}

// TestStream checks that records are encrypted and stay long enough, and that the stream is on-demand by default.
func TestStream(t *testing.T) {
	store := storage(t)
	r := store.resource("Stream")
	want(t, "encryption", r.property("StreamEncryption"), "{EncryptionType: KMS, KeyId: alias/aws/kinesis}")
	want(t, "retention", r.property("RetentionPeriodHours"), "!Ref StreamRetention")
	want(t, "mode", r.property("StreamModeDetails", "StreamMode"), "{Fn::If: [OnDemand, ON_DEMAND, PROVISIONED]}")
	want(t, "shards", r.property("ShardCount"), "{Fn::If: [OnDemand, !Ref AWS::NoValue, !Ref Shards]}")
	want(t, "condition OnDemand", at(store.root, "Conditions", "OnDemand"), "{Fn::Equals: [!Ref Shards, 0]}")
	if least := number(t, store.parameter("StreamRetention")["MinValue"]); least < 24 {
		t.Errorf("retention may be %d hours; minimum is 24", least)
	}
	if r.property("Name") != nil {
		t.Error("the stream has a fixed name")
	}
}

// TestMapping checks that Lambda reads the stream as docs/design.md 3.3 requires.
func TestMapping(t *testing.T) {
	app := application(t)
	mappings := app.resources("AWS::Lambda::EventSourceMapping")
	if len(mappings) != 2 {
		t.Errorf("%d mappings, want 2", len(mappings))
	}
	r := app.resource("StreamMapping")
	for name, wanted := range map[string]string{
		"FunctionName":                   "!Ref SpeedFunction",
		"EventSourceArn":                 "!GetAtt Storage.Outputs.StreamArn",
		"StartingPosition":               "TRIM_HORIZON",
		"MaximumRetryAttempts":           "-1",
		"MaximumRecordAgeInSeconds":      "-1",
		"BisectBatchOnFunctionError":     "true",
		"FunctionResponseTypes":          "[ReportBatchItemFailures]",
		"BatchSize":                      "!Ref BatchSize",
		"MaximumBatchingWindowInSeconds": "!Ref BatchingWindow",
		"ParallelizationFactor":          "!Ref ParallelizationFactor",
		"DestinationConfig":              "{OnFailure: {Destination: !GetAtt Storage.Outputs.FailureBucketArn}}",
		"Enabled":                        "{Fn::If: [ReadsStream, true, false]}",
		"TumblingWindowInSeconds":        "<nil>",
		"FilterCriteria":                 "<nil>", // records are zstd: a filter would drop them all
	} {
		want(t, name, r.property(name), wanted)
	}
	want(t, "condition ReadsStream", at(app.root, "Conditions", "ReadsStream"), "{Fn::Equals: [!Ref ReadStream, true]}")
	want(t, "reads by default", app.parameter("ReadStream")["Default"], "true")
	want(t, "window", app.parameter("BatchingWindow")["Default"], "5")
	want(t, "parallelization", app.parameter("ParallelizationFactor")["Default"], "1")
	r = app.resource("RepublishMapping")
	want(t, "republish: source", r.property("EventSourceArn"), "!GetAtt Storage.Outputs.RepublishQueueArn")
	want(t, "republish: function", r.property("FunctionName"), "!Ref RepublishFunction")
	want(t, "republish: answers", r.property("FunctionResponseTypes"), "[ReportBatchItemFailures]")
}

// TestQueues checks that the queues are encrypted and have a dead-letter queue, and that a received message stays
// hidden for longer than the function may take.
func TestQueues(t *testing.T) {
	app, store := application(t), storage(t)
	for _, f := range []template{app, store} {
		for _, r := range f.resources("AWS::SQS::Queue") {
			want(t, r.name+": encryption", r.property("SqsManagedSseEnabled"), "true")
			if strings.HasSuffix(r.name, "DeadLetters") {
				want(t, r.name+": 14 days", r.property("MessageRetentionPeriod"), "1209600")
			}
		}
	}
	r := store.resource("RepublishQueue")
	want(t, "dead letters", r.property("RedrivePolicy", "deadLetterTargetArn"), "!GetAtt RepublishDeadLetters.Arn")
	if n := number(t, r.property("RedrivePolicy", "maxReceiveCount")); n < 5 {
		t.Errorf("a request is tried only %d times", n)
	}
	// Source: Lambda Developer Guide, configuring an SQS queue as an event source.
	hidden := number(t, r.property("VisibilityTimeout"))
	if takes := number(t, app.resource("RepublishFunction").property("Timeout")); hidden < 6*takes {
		t.Errorf("a message is hidden for %d s and an invocation may take %d s: must be six times as long", hidden, takes)
	}
	keeps := strconv.Itoa(int(setting.Default().QueueRetention.Seconds()))
	want(t, "retention, which the life of a seen item counts on", r.property("MessageRetentionPeriod"), keeps)
}

// TestWhatHoldsDataStays checks that resources with data are retained if the stack is deleted or a change would replace
// them. Resources that are deleted with the stack can be recreated.
func TestWhatHoldsDataStays(t *testing.T) {
	stays := map[string]string{
		"AWS::S3::Bucket": "RetainExceptOnCreate", "AWS::S3::BucketPolicy": "RetainExceptOnCreate",
		"AWS::DynamoDB::Table": "Retain", // a rollback cannot delete a protected table
	}
	// The stream costs money by the hour, and the archive has all its events. Queued requests are for archived objects. A
	// replaced secret has new keys anyway.
	replaced := map[string]bool{"AWS::Kinesis::Stream": true, "AWS::SQS::Queue": true, "AWS::SecretsManager::Secret": true}
	for _, f := range []template{application(t), storage(t)} {
		for _, r := range f.resources("") {
			switch {
			case stays[r.kind()] != "":
				want(t, r.name+": DeletionPolicy", r.object["DeletionPolicy"], stays[r.kind()])
				want(t, r.name+": UpdateReplacePolicy", r.object["UpdateReplacePolicy"], "Retain")
			case replaced[r.kind()]:
				want(t, r.name+": DeletionPolicy", r.object["DeletionPolicy"], "Delete")
				if r.name != "ScheduleDeadLetters" {
					want(t, r.name+": UpdateReplacePolicy", r.object["UpdateReplacePolicy"], "Retain")
				}
			}
		}
	}
	for _, r := range application(t).resources("") {
		if stays[r.kind()] != "" {
			t.Errorf("%s holds data: move it to infra/storage.yaml", r.name)
		}
	}
}

// TestSchedule checks that a schedule invokes batch, replay and audit, that Lambda does not retry them in addition, and
// that invocations that could not be delivered are kept.
func TestSchedule(t *testing.T) {
	app := application(t)
	for name, rate := range map[string]string{
		"Batch": "!Sub rate(${BatchEvery} minutes)", "Replay": "!Sub rate(${BatchEvery} minutes)", "Audit": "rate(1 minutes)",
	} {
		r := app.resource(name + "Schedule")
		want(t, name+": rate", r.property("ScheduleExpression"), rate)
		want(t, name+": target", r.property("Target", "Arn"), "!GetAtt "+name+"Function.Arn")
		want(t, name+": role", r.property("Target", "RoleArn"), "!GetAtt ScheduleRole.Arn")
		want(
			t, name+": tries", r.property("Target", "RetryPolicy"), "{MaximumEventAgeInSeconds: 300, MaximumRetryAttempts: 3}",
		)
		want(t, name+": dead letters", r.property("Target", "DeadLetterConfig", "Arn"), "!GetAtt ScheduleDeadLetters.Arn")
		want(t, name+": on time", r.property("FlexibleTimeWindow"), "{Mode: OFF}")
		want(
			t, name+": not retried", app.resource(name+"Function").property("EventInvokeConfig", "MaximumRetryAttempts"), "0",
		)
	}
	if n := len(app.resources("AWS::Scheduler::Schedule")); n != 3 {
		t.Errorf("%d schedules, want 3", n)
	}
}

// TestAlarms checks that each alarm is about a metric that somebody prints, and notifies the topic if there is one.
func TestAlarms(t *testing.T) {
	app := application(t)
	const audit = "{Name: FunctionName, Value: !Ref AuditFunction}"
	const speed = "{Name: FunctionName, Value: !Ref SpeedFunction}"
	const batch = "{Name: FunctionName, Value: !Ref BatchFunction}"
	prints := map[metrics.Name]string{ // who prints our metrics
		metrics.BatchOverdue: audit, metrics.StreamOverdue: audit, metrics.ReplayOverdue: audit,
		metrics.AuditOverdue: audit, metrics.Drift: audit, metrics.LostObjects: audit, metrics.SetAside: speed,
		metrics.GivenUp: audit, metrics.TooOld: batch, metrics.RunLoad: batch,
	}
	for _, r := range app.resources("AWS::CloudWatch::Alarm") {
		if name := metrics.Name(text(r.property("MetricName"))); text(r.property("Namespace")) == metrics.Namespace {
			who := prints[name]
			if r.name == "RepublishTooOldAlarm" { // two functions print this metric, each with an alarm of its own
				who = "{Name: FunctionName, Value: !Ref RepublishFunction}"
			} else {
				delete(prints, name)
			}
			want(t, r.name+": dimensions", r.property("Dimensions"), "["+who+"]")
		}
		actions := []string{"AlarmActions", "OKActions"}
		if text(r.property("TreatMissingData")) == "missing" { // then INSUFFICIENT_DATA is news
			actions = append(actions, "InsufficientDataActions")
		}
		for _, name := range actions {
			want(t, r.name+": "+name, r.property(name), "{Fn::If: [NotifiesTopic, [!Ref AlarmTopic], !Ref AWS::NoValue]}")
		}
		if r.property("AlarmDescription") == nil {
			t.Errorf("%s has no description", r.name)
		}
	}
	if len(prints) > 0 {
		t.Errorf("no alarms for the metrics %v", prints)
	}
	want(t, "no notification by default", app.parameter("AlarmTopic")["Default"], "")
}
