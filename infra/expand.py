"""Expands the SAM template on standard input as CloudFormation does with a packaged template, with the default of each
parameter, and prints the result as JSON."""
import json
import sys

from samtranslator.sdk.parameter import SamParameterValues
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    def load(self):
        return {}


template = yaml_parse(sys.stdin.read())
for resource in template["Resources"].values():
    if "CodeUri" in resource.get("Properties", {}):
        resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
parameters = SamParameterValues({"AWS::Region": "us-east-1"})
parameters.add_default_parameter_values(template)
json.dump(transform(template, parameters.parameter_values, NoManagedPolicies()), sys.stdout)
