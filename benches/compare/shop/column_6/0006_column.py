from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0005_notifications")]
    operations = [
        migrations.AddField("product", "added_6", models.TextField(null=True)),
    ]
