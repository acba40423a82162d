# Copy this file to deploy.mk, which git ignores. Then make deploy, keys, smoke and destroy all use the same stack. A
# variable on the command line or in the environment comes first: make keys STACK=another.
#
# A new stack has the template's defaults for what is not given. A stack that exists keeps what it has.

STACK      ?= anabranch
AWS_REGION ?= eu-central-1
#AWS_PROFILE ?= my-profile

# Processor architecture of the functions: arm64 or amd64.
#ARCH ?= arm64

# Your views. make deploy of an existing stack keeps its views if this is not given.
#VIEWS ?= views.yaml

# Parameters of template.yaml, which docs/deploy.md lists. Choose Slot, DedupeWindow, SpeedWindow and Lanes before the
# first deployment: an archive never changes the first three, and a stack never changes Lanes.
#PARAMETERS ?= Slot=5m Lanes=4 AlarmTopic=arn:aws:sns:eu-central-1:111122223333:alarms
