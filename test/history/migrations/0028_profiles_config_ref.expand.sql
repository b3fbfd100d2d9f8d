create view profiles_config_ref (project, name, key, value) as
  select projects.name, profiles.name, profiles_config.key, profiles_config.value
  from profiles_config join profiles on profiles.id = profiles_config.profile_id
    join projects on projects.id = profiles.project_id;
create view profiles_devices_ref (project, name, device, type, key, value) as
  select projects.name, profiles.name, d.name, d.type, coalesce(c.key, ''), coalesce(c.value, '')
  from profiles_devices d left join profiles_devices_config c on c.profile_device_id = d.id
    join profiles on profiles.id = d.profile_id
    join projects on projects.id = profiles.project_id;
