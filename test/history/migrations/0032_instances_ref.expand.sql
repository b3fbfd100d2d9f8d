create view instances_config_ref (project, node, name, key, value) as
  select projects.name, nodes.name, instances.name, c.key, c.value
  from instances_config c join instances on instances.id = c.instance_id
    join projects on projects.id = instances.project_id join nodes on nodes.id = instances.node_id;
create view instances_devices_ref (project, node, name, device, type, key, value) as
  select projects.name, nodes.name, instances.name, d.name, d.type, coalesce(c.key, ''), coalesce(c.value, '')
  from instances_devices d left join instances_devices_config c on c.instance_device_id = d.id
    join instances on instances.id = d.instance_id
    join projects on projects.id = instances.project_id join nodes on nodes.id = instances.node_id;
create view instances_profiles_ref (project, node, name, value) as
  select projects.name, nodes.name, instances.name, profiles.name
  from instances_profiles p join profiles on profiles.id = p.profile_id
    join instances on instances.id = p.instance_id
    join projects on projects.id = instances.project_id join nodes on nodes.id = instances.node_id
  order by p.apply_order;
