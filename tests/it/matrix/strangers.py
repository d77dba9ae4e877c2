# Somebody else's objects, as close to ours as they can be: the same ranges, similar names, tags of another deployment.
mine = {"owner": "stranger", "hybridctl:deployment": "another", "hybridctl:lineage": "11111111-2222-3333-4444-555555555555"}
upper = lambda address: [{"Key": key, "Value": value} for key, value in (mine | {"hybridctl:address": address}).items()]
lower = lambda address: [{"key": tag["Key"], "value": tag["Value"]} for tag in upper(address)]
tagged = lambda kind, address: [{"ResourceType": kind, "Tags": upper(address)}]

ec2 = client("ec2")
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", "ec2.vpc/main"))["Vpc"]["VpcId"]
ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", TagSpecifications=tagged("subnet", "ec2.subnet/public-a"))
gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", "ec2.internet_gateway/main"))
ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway["InternetGateway"]["InternetGatewayId"])
ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", "ec2.elastic_ip/nat-a"))
ec2.create_security_group(VpcId=vpc, GroupName="zenml-hybrid-ecs", Description="ours", TagSpecifications=tagged("security-group", "ec2.security_group/ecs"))
ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", "ec2.route_table/public"))
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
client("iam").create_role(RoleName="zenml-hybrid-another", AssumeRolePolicyDocument=json.dumps(trust), Tags=upper("iam.role/task"))
client("secretsmanager").create_secret(Name="zenml/another", SecretString="of somebody else", Tags=upper("secrets.given/oauth2"))
client("logs").create_log_group(logGroupName="/ecs/zenml-hybrid-another", tags={tag["Key"]: tag["Value"] for tag in upper("logs.log_group/ecs")})
client("ecs").create_cluster(clusterName="zenml-hybrid-another", tags=lower("ecs.cluster/main"))
client("rds").create_db_parameter_group(DBParameterGroupName="zenml-hybrid-another", DBParameterGroupFamily="mysql8.4", Description="x", Tags=upper("rds.parameter_group/main"))
client("elbv2").create_target_group(Name="zenml-hybrid-another", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", Tags=upper("elb.target_group/main"))
dns = client("route53")
zone = next(zone["Id"] for zone in dns.list_hosted_zones()["HostedZones"] if zone["Name"] == "mycompany.com.")
record = {"Name": "another.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
out(True)
