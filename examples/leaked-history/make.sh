#!/bin/sh
# Builds a small repository in which an invented key was committed and taken away again: `make.sh FOLDER`, then
# `probity secrets --history FOLDER`. What was pushed once has to be revoked; deleting the line is not enough.
set -eu
folder="${1:?usage: make.sh FOLDER}"
mkdir "$folder"
cd "$folder"
git init -q -b main
git config user.name "Ada" && git config user.email "ada@example.com"
printf 'region = eu-central-1\n' >settings.ini
git add . && git commit -q -m "Add settings"
# The key is put together here so that this script holds none.
printf 'aws_access_key_id = %s%s\naws_secret_access_key = %s%s\n' AKIA 'Q6F4ZJ2XK7LMN3TB' 'wq9Lr2ZtY0sVbN4xKc7HfGd1' '+Pm5Ue8Ja3RiTo6B' >>settings.ini
git commit -q -am "Connect to the bucket"
printf 'region = eu-central-1\n' >settings.ini
git commit -q -am "Take the key from the environment"
echo "three commits in $folder; the key is only in the second"
