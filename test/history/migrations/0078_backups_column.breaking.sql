alter table instances_backups rename column container_only to instance_only;
alter table storage_volumes_backups drop column volume_only;
