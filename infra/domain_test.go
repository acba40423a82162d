package infra_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestDomain checks that the API has a domain name only if one is given, that its record depends on a zone, and that
// CloudFormation refuses a name without a certificate, and a certificate or a zone without a name, before it creates
// anything.
func TestDomain(t *testing.T) {
	app := application(t)
	for name, condition := range map[string]string{
		"ApiDomain": "HasDomain", "ApiDomainMapping": "HasDomain", "ApiDomainRecord": "HasRecord",
	} {
		want(t, name, app.resource(name).object["Condition"], condition)
	}
	for _, output := range []string{"DomainUrl", "DomainTarget"} {
		want(t, output, at(app.root, "Outputs", output, "Condition"), "HasDomain")
	}
	given := "{Fn::Not: [{Fn::Equals: [!Ref DomainName, ]}]}"
	want(t, "domain", at(app.root, "Conditions", "HasDomain"), given)
	want(t, "record", at(app.root, "Conditions", "HasRecord"),
		"{Fn::And: [{Condition: HasDomain}, {Fn::Not: [{Fn::Equals: [!Ref HostedZoneId, ]}]}]}")
	want(t, "rule", at(app.root, "Rules", "DomainHasCertificate", "RuleCondition"), given)
	assertions := at(app.root, "Rules", "DomainHasCertificate", "Assertions").([]any)
	want(t, "assertion", at(assertions[0], "Assert"), "{Fn::Not: [{Fn::Equals: [!Ref CertificateArn, ]}]}")
	want(t, "rule without a name", at(app.root, "Rules", "DomainIsNamed", "RuleCondition"),
		"{Fn::Equals: [!Ref DomainName, ]}")
	for i, parameter := range []string{"CertificateArn", "HostedZoneId"} {
		assertion := at(app.root, "Rules", "DomainIsNamed", "Assertions").([]any)[i]
		want(t, parameter, at(assertion, "Assert"), "{Fn::Equals: [!Ref "+parameter+", ]}")
		if says := text(at(assertion, "AssertDescription")); !strings.HasPrefix(says, parameter+" needs DomainName: ") {
			t.Errorf("%s: the rule says %q", parameter, says)
		}
	}
	mapping := app.resource("ApiDomainMapping")
	want(t, "API of the domain", mapping.property("ApiId"), "!Ref Api")
	want(t, "stage of the domain", mapping.property("Stage"), "!Ref ApiStage")
	for parameter, values := range map[string]map[string]bool{
		"DomainName": {
			"": true, "events.example.com": true, "a.b-c.example": true, "example": false, "-a.example.com": false,
			"https://events.example.com": false, "events.example.com/": false, "*.example.com": false, "Events.example": false,
		},
		"CertificateArn": {
			"": true, "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012": true,
			"arn:aws-cn:acm:cn-north-1:111122223333:certificate/1": true, "certificate/1": false,
			"arn:aws:iam::111122223333:server-certificate/a": false,
		},
		"HostedZoneId": {"": true, "Z1D633PJN98FT9": true, "/hostedzone/Z1D633PJN98FT9": false, "example.com": false},
	} {
		want(t, parameter, app.parameter(parameter)["Default"], "")
		pattern := regexp.MustCompile(text(app.parameter(parameter)["AllowedPattern"]))
		for value, right := range values {
			if pattern.MatchString(value) != right {
				t.Errorf("%s=%q: the template takes it: %v", parameter, value, !right)
			}
		}
	}
}
